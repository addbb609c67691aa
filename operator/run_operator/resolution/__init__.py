"""A document, its Function, Task, Runtime and profile become one document that says what is executed. No I/O."""
