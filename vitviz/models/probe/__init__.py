"""Questions asked of a model beside the pass itself: steps, stems, what-ifs, where tokens are."""
