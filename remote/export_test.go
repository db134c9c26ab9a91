package main

// OpenPlace opens a place of any kind, in this process.
var OpenPlace = open
