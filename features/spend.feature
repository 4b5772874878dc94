Feature: Nothing is paid for that nobody needs

  @nightly
  Scenario: instances die in the middle of a surge, and the bill goes back to what it was
    Given the system described in "../scenarios/systems/web.toml"
    But "primary" waits 2 seconds before it scales down
    And a steady load of 40 requests per second on "/checkout"
    And the run stops if spend is above 2.00 USD per hour
    When load ramps to 150 requests per second over 4 seconds and lasts 12 seconds, starting at 2 seconds
    And at 9 seconds 1 instance of "primary" is killed
    Then at least 85% of requests succeed
    And each killed instance is replaced within 8 seconds
    And within 12 seconds every group is back to its baseline and stays there for 8 seconds
    And after 12 seconds idle spend is at most 0.00 USD per hour for 8 seconds
