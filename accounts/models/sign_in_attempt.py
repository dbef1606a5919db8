from django.db import models


class SignInAttempt(models.Model):
    """A sign-in that has not succeeded, counted against guessing. Success deletes those of its e-mail and address."""

    email = models.CharField(max_length=254)
    address = models.CharField(max_length=45)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["email", "address", "at"], name="sign_in_attempts_counted")]

    def __str__(self) -> str:
        return f"{self.email} from {self.address}"
