Feature: Checkout
  Nothing but words so far.
