from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView

from accounts.views import account, audit, members, sign_in

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="project-list"), name="home"),
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("organisation/", sign_in.switch_organisation, name="switch-organisation"),
    path("account/", account.account, name="account"),
    path("account/name/", account.rename, name="account-name"),
    path("account/password/", account.password, name="account-password"),
    path("account/tokens/", account.tokens, name="tokens"),
    path("account/tokens/<int:token_id>/revoke/", account.token_revoke, name="token-revoke"),
    path("members/", members.members, name="members"),
    path("members/<int:member_id>/role/", members.member_role, name="member-role"),
    path("members/<int:member_id>/deactivate/", members.member_deactivate, name="member-deactivate"),
    path("members/<int:member_id>/password/", members.member_password, name="member-password"),
    path("audit/", audit.audit, name="audit"),
]
