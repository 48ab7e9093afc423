"""Layers that no library has: what factorising leaves in the place of a linear layer or an embedding table."""

from __future__ import annotations

import torch


class LowRankLinear(torch.nn.Sequential):
    """Two linear layers in the place of one: [in, rank] without a bias, then [rank, out]."""

    def __init__(self, in_features: int, rank: int, out_features: int, bias: bool = True) -> None:
        super().__init__(torch.nn.Linear(in_features, rank, bias=False), torch.nn.Linear(rank, out_features, bias=bias))
        self.in_features, self.rank, self.out_features = in_features, rank, out_features


class FactorizedEmbedding(torch.nn.Sequential):
    """A narrow table [rows, rank] and a linear layer [rank, columns] in the place of a wide table [rows, columns]."""

    def __init__(self, rows: int, rank: int, columns: int, padding_idx: int | None = None) -> None:
        super().__init__(
            torch.nn.Embedding(rows, rank, padding_idx=padding_idx), torch.nn.Linear(rank, columns, bias=False)
        )
        self.num_embeddings, self.rank, self.embedding_dim, self.padding_idx = rows, rank, columns, padding_idx
