"""The models. Importing this package registers every table in `Base.metadata`."""

from __future__ import annotations

from models.base import Base
from models.customer import Customer
from models.order import Order, OrderLine, OrderStatus
from models.product import Product

__all__ = ["Base", "Customer", "Order", "OrderLine", "OrderStatus", "Product"]
