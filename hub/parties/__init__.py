"""Who takes part: platforms, parties and their tokens; who must see which message, and its way there."""
