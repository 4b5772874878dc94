Feature: A standby takes over, and goes back to sleep

  @game-day
  Scenario: the whole primary is lost for a while
    Given a group "primary" of 2 instances, each serving 50 requests per second, at 0.10 USD per hour each
    And a standby "standby" of 1 instance takes over from "primary" with 2 instances, each serving 50 requests per second, at 0.10 USD per hour each
    And a steady load of 40 requests per second on "/checkout"
    And up to 100% of a group may be lost at once
    When at 3 seconds "primary" is lost for 6 seconds
    Then at least 80% of requests succeed
    And at baseline "primary" has at most 2 instances and "standby" at most 1
    And within 10 seconds of the primary being healthy the standby is released and stays so for 8 seconds
    And after 12 seconds idle spend is at most 0.00 USD per hour for 8 seconds
