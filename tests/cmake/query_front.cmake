# The front of query: lexer, parser, binder, functions, programs.
