"""What training costs at any size: parameters, tokens, operations, time, memory, price and expected loss."""
