Feature: Checkout
  @nightly
  Words about it.

  Scenario: a surge comes and goes
    Whn load steps to 150 requests per second for 10 seconds, starting at 2 seconds
    Given a group "primary" of 2 instances, each serving 50 requests per second
    And a steady load of 40 requests per second on "/checkout"
    Then at least 90% of requests succeed
