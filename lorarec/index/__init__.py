"""Vectors and terms -> neighbours."""
