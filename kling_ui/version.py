"""What this program calls itself."""

NAME = "Kling Image Studio"
VERSION = "0.4.0"
