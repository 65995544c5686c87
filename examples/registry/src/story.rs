//! Some months at the registry, so that there is something to look at.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};

use deedbook::event::Credential;
use deedbook::{Actor, Context, Entity, Outcome, Result, context};

use crate::events::{account, organization, project};
use crate::registry::{Registry, Role};
use crate::things::{ApiToken, Organization, Project, Publisher, Release, Team, User};

/// Plays it.
///
/// # Errors
/// The first event that could not be recorded.
pub async fn play(registry: &Registry) -> Result<()> {
    let [ada, grace, linus] = ["ada", "grace", "linus"].map(user);
    for who in [&ada, &grace, &linus] {
        by(who, arrives(registry, who)).await?;
    }
    let holygrail = Project { id: "prj_holygrail".to_owned(), name: "holygrail".to_owned() };
    by(&ada, founds(registry, &ada, &grace, &holygrail)).await?;
    by(&grace, registry.accept(&grace, &holygrail, Role::Maintainer)).await?;
    by(&linus, registry.decline(&linus, &holygrail)).await?;
    by(&grace, registry.publish(&grace, &holygrail, "1.0.0")).await?;
    by(&linus, registry.publish(&linus, &holygrail, "6.6.6")).await?;
    by(&ada, secures(registry, &ada)).await?;
    by(&ada, automates(registry, &ada, &holygrail)).await?;
    by_pipeline(registry.publish_as(&holygrail, "1.1.0", Outcome::Success)).await?;
    by(&grace, tidies(registry, &holygrail)).await?;
    by(&ada, organizes(registry, &ada, &grace, &holygrail)).await?;
    by_registry(finds_a_leak(registry, &ada)).await?;
    by(&linus, registry.leave(&linus)).await?;
    let scratch = Project { id: "prj_scratch".to_owned(), name: "scratch".to_owned() };
    by(&ada, registry.create(&ada, scratch.clone())).await?;
    by(&ada, registry.delete(&scratch)).await
}

fn user(name: &str) -> User {
    User { id: format!("user_{name}"), name: name.to_owned() }
}

/// What somebody does who is signed in. A real registry has this from its requests.
async fn by<T>(who: &User, act: impl Future<Output = Result<T>>) -> Result<()> {
    let ip = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
    context::scope(Context::new().actor(who.to_actor()).ip(ip).user_agent("a browser"), act).await.map(drop)
}

/// What a pipeline does that is trusted: it is the actor, and nobody's token was used.
async fn by_pipeline(act: impl Future<Output = Result<()>>) -> Result<()> {
    let pipeline = Actor::new("service", PIPELINE).named("the release pipeline of holygrail");
    let how = Credential { kind: "trusted_publisher".to_owned(), id: PIPELINE.to_owned(), name: None };
    context::scope(Context::new().actor(pipeline).credential(how), act).await
}

/// What the registry does by itself.
async fn by_registry(act: impl Future<Output = Result<()>>) -> Result<()> {
    context::scope(Context::new().actor(Actor::without_id("system")), act).await
}

const PIPELINE: &str = "forge:ada/holygrail/release.yml";

async fn arrives(registry: &Registry, user: &User) -> Result<()> {
    registry.join(user.clone()).await?;
    let address = format!("{}@example.org", user.name);
    registry.record(account::EmailAdded { user, address: &address }).await?;
    registry.record(account::EmailVerified { user, address: &address }).await?;
    registry.record(account::SignedIn { user, method: "password" }).await
}

async fn founds(registry: &Registry, ada: &User, grace: &User, holygrail: &Project) -> Result<()> {
    registry.create(ada, holygrail.clone()).await?;
    for member in [grace, &user("linus")] {
        let role = Role::Maintainer.as_str();
        registry.record(project::MemberInvited { project: holygrail, member, role }).await?;
    }
    Ok(())
}

async fn secures(registry: &Registry, ada: &User) -> Result<()> {
    context::scope(Context::new().actor(Actor::without_id("anonymous")), async {
        registry.record(account::SignInFailed { user: ada, why: "wrong password" }).await?;
        registry.record(account::PasswordResetAsked { user: ada }).await
    })
    .await?;
    registry.record(account::PasswordChanged { user: ada }).await?;
    registry.record(account::SecondFactorAdded { user: ada, method: "app" }).await?;
    registry.record(account::SecondFactorAdded { user: ada, method: "security key" }).await?;
    registry.record(account::SecondFactorRemoved { user: ada, method: "app" }).await?;
    registry.record(account::RecoveryCodesMade { user: ada }).await?;
    registry.record(account::RecoveryCodeUsed { user: ada }).await?;
    let address = "ada@holygrail.example";
    registry.record(account::EmailAdded { user: ada, address }).await?;
    registry.record(account::PrimaryEmailChanged { user: ada, address }).await?;
    registry.record(account::EmailRemoved { user: ada, address: "ada@example.org" }).await
}

async fn automates(registry: &Registry, ada: &User, holygrail: &Project) -> Result<()> {
    let token = ApiToken { id: "tok_laptop".to_owned(), name: "laptop".to_owned() };
    registry.make_token(ada, holygrail, &token).await?;
    registry.remove_token(ada, holygrail, &token).await?;
    let publisher = Publisher { id: PIPELINE.to_owned(), name: "ada/holygrail, release.yml".to_owned() };
    registry.record(project::PublisherAdded { project: holygrail, publisher: &publisher }).await?;
    let former = Publisher { id: "forge:ada/old".to_owned(), name: "ada/old".to_owned() };
    registry.record(project::PublisherRemoved { project: holygrail, publisher: &former }).await
}

async fn tidies(registry: &Registry, holygrail: &Project) -> Result<()> {
    let [first, second] = ["1.0.0", "1.1.0"].map(|version| Release::of(holygrail, version));
    registry.record(project::Yanked { project: holygrail, release: &second, why: "broken on Mondays" }).await?;
    registry.record(project::Unyanked { project: holygrail, release: &second }).await?;
    registry.record(project::FileDeleted { project: holygrail, release: &first, file: "holygrail-1.0.0.whl" }).await?;
    registry.record(project::ReleaseDeleted { project: holygrail, release: &first }).await
}

async fn organizes(registry: &Registry, ada: &User, grace: &User, holygrail: &Project) -> Result<()> {
    let knights = Organization { id: "org_knights".to_owned(), name: "knights".to_owned() };
    let team = Team { id: "team_round".to_owned(), name: "round table".to_owned() };
    let organization = &knights;
    registry.record(organization::Created { organization }).await?;
    registry.record(organization::MemberAdded { organization, member: grace }).await?;
    registry.record(account::OrganizationJoined { user: grace, organization }).await?;
    registry.record(organization::TeamCreated { organization, team: &team }).await?;
    registry.record(organization::TeamMemberAdded { organization, team: &team, member: ada }).await?;
    let granted = organization::TeamRoleGranted { organization, team: &team, project: holygrail, role: "maintainer" };
    registry.record(granted).await?;
    registry.record(project::Transferred { project: holygrail, organization }).await?;
    let (was, role) = (Role::Maintainer.as_str(), Role::Owner.as_str());
    registry.record(project::MemberChanged { project: holygrail, member: grace, was, role }).await?;
    registry.record(project::MemberChanged { project: holygrail, member: grace, was: role, role: was }).await?;
    registry.record(project::MemberRemoved { project: holygrail, member: &user("linus") }).await?;
    registry.record(organization::TeamMemberRemoved { organization, team: &team, member: ada }).await?;
    registry.record(organization::TeamDeleted { organization, team: &team }).await?;
    registry.record(organization::MemberRemoved { organization, member: &user("linus") }).await
}

async fn finds_a_leak(registry: &Registry, ada: &User) -> Result<()> {
    let token = ApiToken { id: "tok_old".to_owned(), name: "old laptop".to_owned() };
    registry.record(account::ApiTokenLeaked { user: ada, token: &token, found_at: "a public repository" }).await?;
    registry.record(account::PasswordDisabled { user: ada, why: "it is in a list of known ones" }).await
}
