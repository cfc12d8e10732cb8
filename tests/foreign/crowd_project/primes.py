#!/usr/bin/env python3
"""The application: counts the primes from one number up to another. It needs no BOINC library: it says by a file that it is done."""
with open("in") as file:
    begin, end = map(int, file.read().split())


def is_prime(number):
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


with open("out", "w") as file:
    file.write(f"{sum(map(is_prime, range(begin, end)))}\n")
with open("boinc_finish_called", "w") as file:
    file.write("0\n")
