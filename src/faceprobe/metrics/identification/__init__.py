"""Identification: is this person in the gallery, and at which rank?"""
