"""Verification: is this pair one person?"""
