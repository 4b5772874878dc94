Feature: Checkout

  Scenario: a surge comes and goes
    Given a group "primary" of 200 instances, each serving 50 requests per second
    And a steady load of 40 requests per second on "/checkout"
    When load steps to 0 requests per second for 0 seconds, starting at 2 seconds
    Then at least 120% of requests succeed
