"""Compares a whole zone on two servers, without a service."""
