Feature: What dies is replaced, one for one

  Background:
    Given these groups of instances:
      | group   | replicas | capacity               | startup | grace     | service time | price             |
      | primary | 4        | 50 requests per second | 500 ms  | 4 seconds | 30 ms        | 0.10 USD per hour |
    And a steady load of 40 requests per second on "/checkout"

  Rule: A kill comes without warning

    @nightly
    Scenario: an instance that is killed in calm is replaced
      When at 3 seconds 1 instance of "primary" is killed
      Then at least 99% of requests succeed
      And each killed instance is replaced within 5 seconds
      And after 5 seconds idle spend is at most 0.00 USD per hour for 10 seconds

  Rule: A graceful termination is noticed by nobody

    Scenario: the oldest half ends, and finishes its requests
      When at 3 seconds the oldest 50% of "primary" is terminated gracefully
      Then at least 99% of requests succeed
      And at least 95% of requests are answered within 250 ms
      And each terminated instance is replaced within 8 seconds
      And within 8 seconds every objective is met again and stays so for 8 seconds
