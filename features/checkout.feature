@game-day
Feature: Checkout gives its capacity back
  The whole question in one scenario: the twin of scenarios/surge-and-termination.toml, sentence by sentence.

  Scenario: a surge, then two instances die, then the whole primary is lost
    Given the system described in "../scenarios/systems/checkout.toml"
    And a steady load of 40 requests per second on "/checkout"
    And up to 100% of a group may be lost at once
    When load ramps to 200 requests per second over 12 seconds and lasts 20 seconds, starting at 5 seconds
    And at 20 seconds 2 instances of "primary" are killed
    And at 34 seconds "primary" is lost for 6 seconds
    Then at least 90% of requests succeed
    And at least 90% of requests are answered within 200 ms
    And at baseline "primary" has at most 2 instances and "standby" at most 1
    And within 15 seconds of the surge beginning "primary" has at least 4 instances
    And each killed instance is replaced within 10 seconds
    And within 20 seconds "primary" is back to its baseline and stays there for 10 seconds
    And within 20 seconds of the primary being healthy the standby is released and stays so for 10 seconds
    And after 20 seconds idle spend is at most 0.00 USD per hour for 10 seconds
    And the run stops if "availability" burns faster than 5 over 30 seconds
