Feature: Checkout

  Scenario: a surge comes and goes
    Given these groups of instances:
      | group   | replicas | capacity |
      | primary | 2\3      | 50 parsecs |
    And a steady load of 40 requests per second on "/checkout"
    When load steps to 150 requests per second for 10 seconds, starting at 2 seconds
    Then at least 90% of requests succeed
