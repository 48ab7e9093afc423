"""Answers for people who watch: baseline and variants at work in a process of their own.

``client.Demonstration`` starts ``python -m explorer.serving`` and speaks JSON lines with it over its standard input and
output: no port is opened, and the process ends when its input is closed. The dashboard imports the client's side only.
"""
