Feature: Checkout

  Scenario: one
    Given a group "primary" of 200 instances, each serving 50 requests per second
    And a steady load of fourty requests per second on "/checkout"
    When load stteps up to 150 requests per second for 10 seconds, starting at 2 seconds
    Then at least 190% of requests succeed

  Scenario: two
    Given a group "primary" of 2 instances, each serving 50 requests per second
    And a steady load of 40 requests per second on "/checkout"
    When load steps to 150 requests per second for 10 seconds, starting at 2 seconds
    Then within 20 seconds "primry" is back to its baseline
