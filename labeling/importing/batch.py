"""A batch of records into the tables: ids drawn first, rows by COPY while the next batch is worked out.

COPY knows no ON CONFLICT. What exists already is looked up before, and `content_lock` keeps others from adding the same
content meanwhile.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from django.db.models import Model

from labeling.importing.copying import Sender, TableRows
from labeling.importing.lookups import draw_ids, existing_pairs, existing_prompts, existing_responses, hold
from labeling.importing.packing import TABLES, Packer
from labeling.importing.records import Record
from labeling.importing.verdicts import keep_verdicts
from labeling.models import Item, Project, Prompt, Response
from labeling.services.item_rules import response_key

# (prompt, hash of the text), and (prompt, first response, second response)
ResponseIds = dict[tuple[int, str], int]
Pair = tuple[int, int, int]


@dataclass(slots=True)
class BatchWriter:
    """Writes records of one import into one project, and counts what came of them."""

    project: Project
    source: str
    make_items: bool
    created: int = 0
    duplicates: int = 0
    items_made: int = 0
    verdicts: int = 0
    _sender: Sender = field(default_factory=lambda: Sender(TABLES))
    # Made, and not yet on their way.
    _coming: Sequence[TableRows] = ()
    _coming_hashes: set[str] = field(default_factory=set)
    _ids: dict[type[Model], deque[int]] = field(
        default_factory=lambda: {Prompt: deque(), Response: deque(), Item: deque()}
    )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._settle()
        finally:
            self._sender.close()

    def write(self, records: Sequence[Record]) -> None:
        """Store what is new in the records; a record counts as created when it brought a prompt or a response.

        Their rows are sent while the next ones are made: the last are there when the block around the writer ends.
        """
        hashes = {record.content_hash for record in records}
        if not hashes.isdisjoint(self._coming_hashes):
            # What the last batch adds to the same prompts must be found.
            self._settle()
        self._sender.wait()
        prompt_ids = existing_prompts(self.project.pk, hashes)
        response_ids = existing_responses(prompt_ids.values())
        self._stock(Prompt, len(hashes) - len(prompt_ids))
        self._stock(Response, sum(len(record.responses) for record in records))
        self._stock(Item, len(records) if self.make_items else 0)
        hold(Project, {self.project.pk})
        self._send_coming()

        known_prompts, known_responses = set(prompt_ids.values()), set(response_ids.values())
        packer = Packer(self.project, self.source)
        pairs = self._pack_content(packer, records, prompt_ids, response_ids)
        self._leave_out_known(pairs, known_responses)
        take = self._ids[Item].popleft
        for key, (prompt_id, first, second) in pairs.items():
            packer.add_pair(take(), prompt_id, key, first, second)
        self.items_made += len(pairs)
        if known_prompts:
            answered = {prompt_id for (prompt_id, _), pk in response_ids.items() if pk not in known_responses}
            paired = {prompt_id for prompt_id, _, _ in pairs.values()}
            self._hold(Prompt, (answered | paired) & known_prompts)
            self._hold(Response, {pk for _, *pair in pairs.values() for pk in pair} & known_responses)
        self._coming, self._coming_hashes = packer.finish(), hashes
        if any(record.verdicts for record in records):
            self._settle()
            self.verdicts += keep_verdicts(self.project.pk, self.source, records, prompt_ids, response_ids)

    def _pack_content(
        self, packer: Packer, records: Sequence[Record], prompt_ids: dict[str, int], response_ids: ResponseIds
    ) -> dict[str, Pair]:
        """Pack the prompts and responses that are not there yet, and add them to the ids.

        Each record is counted as new or as a duplicate. Answers with the pairs that the records want as items, by key.
        """
        take_prompt, take_response = self._ids[Prompt].popleft, self._ids[Response].popleft
        pairs: dict[str, Pair] = {}
        for record in records:
            prompt_id = prompt_ids.get(record.content_hash)
            is_new = prompt_id is None
            if prompt_id is None:
                prompt_id = prompt_ids[record.content_hash] = take_prompt()
                packer.add_prompt(prompt_id, record)
            shown = []
            for response in record.responses:
                text = (prompt_id, response.content_hash)
                pk = response_ids.get(text)
                if pk is None:
                    is_new = True
                    pk = response_ids[text] = take_response()
                    packer.add_response(pk, prompt_id, response)
                shown.append(pk)
            self.created += is_new
            self.duplicates += not is_new
            if self.make_items and len(shown) > 1:
                first, second = shown[:2]
                pairs.setdefault(response_key((first, second)), (prompt_id, first, second))
        return pairs

    def _leave_out_known(self, pairs: dict[str, Pair], known_responses: set[int]) -> None:
        # An item of a response that is new cannot be there yet.
        may_be_known = [key for key, (_, *pair) in pairs.items() if known_responses.issuperset(pair)]
        if may_be_known:
            self._sender.wait()
            for key in existing_pairs(self.project.pk, may_be_known):
                del pairs[key]

    def _settle(self) -> None:
        """Until everything is there."""
        self._sender.wait()
        self._send_coming()
        self._sender.wait()

    def _send_coming(self) -> None:
        self._sender.start(self._coming)
        self._coming, self._coming_hashes = (), set()

    def _stock(self, model: type[Model], count: int) -> None:
        """Have so many ids at least, before the connection is busy."""
        self._ids[model].extend(draw_ids(model, count - len(self._ids[model])))

    def _hold(self, model: type[Model], ids: set[int]) -> None:
        if ids:
            self._sender.wait()
            hold(model, ids)
