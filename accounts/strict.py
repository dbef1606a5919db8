"""Request bodies that refuse what they do not know: a typing error is no default."""

from typing import Any

from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that names each unknown key, and the keys there are."""

    def to_internal_value(self, given: Any) -> Any:
        if isinstance(given, dict) and (unknown := sorted(str(key) for key in given.keys() - self.fields.keys())):
            known = ", ".join(self.fields)
            raise serializers.ValidationError(dict.fromkeys(unknown, f"Unknown; the keys are {known}."))
        return super().to_internal_value(given)
