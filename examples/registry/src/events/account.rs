//! Accounts: signing in, and what it is done with. The person sees all of it on the page of their account.

use deedbook::Event;

use crate::things::{ApiToken, Organization, Project, User};

#[derive(Event)]
#[event(action = "account.created", category = "account", describe = "{user} joined")]
pub(crate) struct Created<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
}

#[derive(Event)]
#[event(action = "account.signed_in", category = "account", describe = "{actor} signed in with {method}")]
pub(crate) struct SignedIn<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
    pub(crate) method: &'a str,
}

#[derive(Event)]
#[event(
    action = "account.sign_in.failed",
    category = "account",
    describe = "Somebody tried to sign in as {user}: {why}",
    outcome = "failure"
)]
pub(crate) struct SignInFailed<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
    pub(crate) why: &'a str,
}

#[derive(Event)]
#[event(action = "account.email.added", category = "account", describe = "{actor} added an e-mail address")]
pub(crate) struct EmailAdded<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
    #[event(personal)]
    pub(crate) address: &'a str,
}

#[derive(Event)]
#[event(action = "account.email.verified", category = "account", describe = "{actor} verified an e-mail address")]
pub(crate) struct EmailVerified<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
    #[event(personal)]
    pub(crate) address: &'a str,
}

#[derive(Event)]
#[event(
    action = "account.primary_email.changed",
    category = "account",
    describe = "{actor} made another e-mail address the first"
)]
pub(crate) struct PrimaryEmailChanged<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
    #[event(personal)]
    pub(crate) address: &'a str,
}

#[derive(Event)]
#[event(action = "account.email.removed", category = "account", describe = "{actor} removed an e-mail address")]
pub(crate) struct EmailRemoved<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
    #[event(personal)]
    pub(crate) address: &'a str,
}

#[derive(Event)]
#[event(action = "account.password.changed", category = "account", describe = "{actor} changed the password")]
pub(crate) struct PasswordChanged<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
}

#[derive(Event)]
#[event(
    action = "account.password_reset.requested",
    category = "account",
    describe = "Somebody asked to reset the password of {user}"
)]
pub(crate) struct PasswordResetAsked<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
}

#[derive(Event)]
#[event(
    action = "account.password.disabled",
    category = "account",
    describe = "The password of {user} was disabled: {why}"
)]
pub(crate) struct PasswordDisabled<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
    pub(crate) why: &'a str,
}

#[derive(Event)]
#[event(
    action = "account.second_factor.added",
    category = "account",
    describe = "{actor} added a second factor: {method}"
)]
pub(crate) struct SecondFactorAdded<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
    pub(crate) method: &'a str,
}

#[derive(Event)]
#[event(
    action = "account.second_factor.removed",
    category = "account",
    describe = "{actor} removed a second factor: {method}"
)]
pub(crate) struct SecondFactorRemoved<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
    pub(crate) method: &'a str,
}

#[derive(Event)]
#[event(
    action = "account.recovery_codes.generated",
    category = "account",
    describe = "{actor} generated recovery codes"
)]
pub(crate) struct RecoveryCodesMade<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
}

#[derive(Event)]
#[event(action = "account.recovery_code.used", category = "account", describe = "{actor} used a recovery code")]
pub(crate) struct RecoveryCodeUsed<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
}

#[derive(Event)]
#[event(action = "account.api_token.created", category = "account", describe = "{actor} made the API token {token}")]
pub(crate) struct ApiTokenMade<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
    #[event(target(role = "token"))]
    pub(crate) token: &'a ApiToken,
    pub(crate) permission: &'a str,
    #[event(correlation_id)]
    pub(crate) act: &'a str,
}

#[derive(Event)]
#[event(action = "account.api_token.removed", category = "account", describe = "{actor} removed the API token {token}")]
pub(crate) struct ApiTokenRemoved<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
    #[event(target(role = "token"))]
    pub(crate) token: &'a ApiToken,
    #[event(correlation_id)]
    pub(crate) act: &'a str,
}

#[derive(Event)]
#[event(
    action = "account.api_token.leaked",
    category = "account",
    describe = "The API token {token} of {user} was found in public and removed"
)]
pub(crate) struct ApiTokenLeaked<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
    #[event(target(role = "token"))]
    pub(crate) token: &'a ApiToken,
    pub(crate) found_at: &'a str,
}

#[derive(Event)]
#[event(
    action = "account.invitation.answered",
    category = "account",
    describe = "{actor} answered the invitation to {project}: {answer}"
)]
pub(crate) struct InvitationAnswered<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
    #[event(target(role = "project"))]
    pub(crate) project: &'a Project,
    pub(crate) answer: &'a str,
    #[event(correlation_id)]
    pub(crate) act: &'a str,
}

#[derive(Event)]
#[event(action = "account.organization.joined", category = "account", describe = "{user} joined {organization}")]
pub(crate) struct OrganizationJoined<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
    #[event(target(role = "organization"))]
    pub(crate) organization: &'a Organization,
}

#[derive(Event)]
#[event(action = "account.deleted", category = "account", describe = "{actor} deleted the account")]
pub(crate) struct Deleted<'a> {
    #[event(target)]
    pub(crate) user: &'a User,
}
