from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

if TYPE_CHECKING:
    from accounts.models.membership import Membership


class UserManager(BaseUserManager["User"]):
    """Finds people by e-mail, whatever its case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=(username or "").strip())


class User(AbstractBaseUser):
    """A person, or a simulated annotator, who signs in by e-mail. Roles are held by memberships."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    # Simulated annotators are programs: they are called simulated wherever their judgements appear.
    is_simulated = models.BooleanField(default=False)
    # An administrator made the password: good for getting in, and to be replaced by one's own.
    password_is_temporary = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    # Set by whoever has read them with the person.
    read_memberships: "list[Membership] | None" = None

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_case_insensitive")]

    def __str__(self) -> str:
        return self.display_name

    @property
    def active_memberships(self) -> "list[Membership]":
        """In organisations that this person may act for."""
        if self.read_memberships is None:
            return list(self.memberships.filter(is_active=True).select_related("organisation"))
        return self.read_memberships

    @property
    def display_name(self) -> str:
        """How the person is shown: the name, else the e-mail; a simulated one is marked."""
        label = self.name or self.email
        return f"{label} (simulated)" if self.is_simulated and "simulated" not in label.lower() else label
