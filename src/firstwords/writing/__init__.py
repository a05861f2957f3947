"""Stories, essays, poems and letters: an outline, then paragraph by paragraph, each the best of several."""
