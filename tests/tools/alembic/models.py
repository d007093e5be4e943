"""The shop's tables as the newest version of the application has them."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Maker(Base):
    __tablename__ = "makers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)


class Part(Base):
    __tablename__ = "parts"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    count: Mapped[int]
    remark: Mapped[str | None]
    maker: Mapped[int] = mapped_column(ForeignKey("makers.id", name="part_maker"))
    colour: Mapped[str | None] = mapped_column(String(20), index=True)
    minimum: Mapped[int] = mapped_column(server_default="0")


class Ticket(Base):
    __tablename__ = "tickets"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(30), unique=True)
    part: Mapped[int] = mapped_column(ForeignKey("parts.id", name="sale_part"))
    pieces: Mapped[int]
