Feature: Checkout

  Scenario: a surge comes and goes
    Given a group "primary" of 2 instances, each serving 50 requests per second
    And a steady load of 40 requests per second on "/checkout"
    And "prmary" waits 3 seconds before it scales down
    When at 20 seconds 2 instances of "primry" are killed
    Then at least 90% of requests succeed
