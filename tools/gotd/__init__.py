"""GOT-D: choose the documents that move a language model's training distribution towards a task fastest."""

__version__ = "0.2.0"
