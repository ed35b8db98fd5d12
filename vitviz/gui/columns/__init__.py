"""Columns of views: headers, board, table, cards, and the mouse over them."""
