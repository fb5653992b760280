"""The commands' names, arguments and help, a module for each family of them."""
