from accounts.models.api_token import ApiToken
from accounts.models.audit_event import AuditEvent
from accounts.models.membership import Membership
from accounts.models.organisation import Organisation
from accounts.models.sign_in_attempt import SignInAttempt
from accounts.models.user import User

__all__ = ["ApiToken", "AuditEvent", "Membership", "Organisation", "SignInAttempt", "User"]
