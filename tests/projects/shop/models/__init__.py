"""The models. Importing this package registers every table in `Base.metadata`."""

from __future__ import annotations

from .base import Base
from .customer import Customer
from .order import Order, OrderLine, OrderStatus
from .product import Product

__all__ = ["Base", "Customer", "Order", "OrderLine", "OrderStatus", "Product"]
