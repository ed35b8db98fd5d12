"""Any number of pictures: batches, averages, indices, films, on one machine or many."""
