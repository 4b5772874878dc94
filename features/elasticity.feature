@nightly
Feature: Capacity follows load up, and down again
  Whatever the shape of a surge: supply rises with it, and afterwards nothing of it stays.

  Background:
    Given the system described in "../scenarios/systems/web.toml"
    And a steady load of 40 requests per second on "/checkout"

  Scenario: a spike is served, and its capacity is given back
    When load spikes to 180 requests per second and falls back over 14 seconds, starting at 2 seconds
    Then at least 90% of requests succeed
    And within 12 seconds of the surge beginning "primary" has at least 3 instances
    And within 10 seconds "primary" is back to its baseline and stays there for 8 seconds
    And within 10 seconds every objective is met again and stays so for 8 seconds

  Scenario: two surges that overlap are given back once
    When load ramps to 100 requests per second over 3 seconds and lasts 10 seconds, starting at 2 seconds
    And load steps to 100 requests per second for 8 seconds, starting at 6 seconds
    Then at least 90% of requests succeed
    And within 14 seconds of the surge beginning "primary" has at least 4 instances
    And within 10 seconds of the surge ending "primary" is back to its baseline and stays there for 8 seconds

  Scenario Outline: a step to <rate> requests per second needs <instances> instances
    When load steps to <rate> requests per second for 10 seconds, starting at 2 seconds
    Then at least 90% of requests succeed
    And within 12 seconds of the surge beginning "primary" has at least <instances> instances
    And within 10 seconds "primary" is back to its baseline and stays there for 8 seconds

    Examples:
      | rate | instances |
      | 110  | 3         |
      | 160  | 5         |
