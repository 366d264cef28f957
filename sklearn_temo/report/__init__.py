"""Reports: one page with the scores, the relevance and single clips."""
