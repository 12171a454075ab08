"""`make bench`: what a deploy costs the visitors, and how long it takes."""
