Feature: A leak is caught, and named

  @expected-failure
  Scenario: one instance stays that nobody wants
    Given the system described in "../scenarios/systems/web.toml"
    And "primary" has:
      | defects.leaves behind | 1 |
    And a steady load of 40 requests per second on "/checkout"
    When load steps to 150 requests per second for 10 seconds, starting at 2 seconds
    Then at least 90% of requests succeed
    And at baseline "primary" has at most 2 instances
    And within 12 seconds of the surge beginning "primary" has at least 4 instances
    And within 10 seconds "primary" is back to its baseline and stays there for 8 seconds
    And within 10 seconds of the surge ending every group is back to its baseline and stays there for 8 seconds
    And after 10 seconds idle spend is at most 0.00 USD per hour for 8 seconds
