"""Asks very many zones for their serials: here, or in processes beside."""
