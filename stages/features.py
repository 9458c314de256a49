"""What the base model holds of each text, for the audit's judges, if they ask for it."""

from pathlib import Path

from reprotune.core import paths
from reprotune.core.io import whole_file
from reprotune.core.params import Params
from reprotune.core.runner import main
from reprotune.tables import metrics as records


def run(
    params: Params,
    raw: Path = paths.RAW,
    base: Path = paths.BASE,
    features: Path = paths.FEATURES,
    metrics: Path = paths.FEATURES_METRICS,
) -> None:
    judge = params.audit.judge
    if judge not in ("features", "both"):  # as a rule: nothing heavy is imported, no model loaded
        with whole_file(features) as partial:
            partial.write_text(f"none: audit.judge is {judge}\n", "utf-8")  # empty, DVC would warn
        records.write(metrics, records.Features(columns=0))
        return
    import numpy as np
    import pandas as pd
    import torch

    from reprotune.core.progress import show_progress
    from reprotune.models.base import Base
    from reprotune.scoring.scores import embed_texts
    from reprotune.tables import features as table
    from reprotune.tables import schemas
    from reprotune.tables.classes import class_names

    torch.set_num_threads(params.threads)
    texts = schemas.read(raw, schemas.Raw)["text"]
    opened = Base.open(base, params.model, params.prompt, class_names(params.download.labels))
    model, size = opened.load(), params.baseline.batch_size
    with show_progress("features", len(texts), "text") as bar:

        def embed(some: pd.Series) -> np.ndarray:
            def tell(share: float) -> None:
                bar.update(share * len(some))

            return embed_texts(model, opened.encoder, some, size, "features", tell)

        columns = table.write(features, texts, embed)
    records.write(metrics, records.Features(columns=columns))


if __name__ == "__main__":
    main(run)
