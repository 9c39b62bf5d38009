"""The skills that come with it: every module in here is searched for them."""
