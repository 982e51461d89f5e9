"""Pictures of fields: what tells their columns apart."""

import numpy as np

from bench_pde.drawings import Column, fields


def test_columns_whose_methods_differ_in_a_parameter_only_have_titles_of_their_own():
    field = np.linspace(-1, 1, 12).reshape(3, 4)
    names = [f"semi-lagrangian nodes={nodes}" for nodes in (100, 300, 901)]
    for truth in (field, field[0]):
        drawn = fields(None, [Column(name, truth, truth) for name in names * 2], None)
        titles = [axes.get_title() for axes in drawn.axes]
        assert len({title for title in titles if "=" in title or "…" in title}) == len(names), titles
