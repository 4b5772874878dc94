Feature: Checkout

  Scenario Outline: to <rate> for <time>
    Given a group "primary" of 2 instances, each serving 50 requests per second
    And a steady load of 40 requests per second on "/checkout"
    When load steps to <rate> for <time>, starting at 2 seconds
    Then at least 90% of requests succeed
    Examples:
      | rate                    | time       |
      | 150 requests per second | 10 seconds |
      | 150 requests per second | 0 seconds  |
      | 150 furlongs            | 10 seconds |
