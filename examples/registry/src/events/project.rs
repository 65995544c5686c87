//! Projects: releases, and who may publish them. Owners see all of it; maintainers do not see tokens, publishers and
//! invitations, with which an owner could be impersonated or named too early.

use deedbook::{Event, Outcome};

use crate::things::{ApiToken, Organization, Project, Publisher, Release, User};

#[derive(Event)]
#[event(
    action = "project.created",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} created {project}"
)]
pub(crate) struct Created<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
}

#[derive(Event)]
#[event(
    action = "project.release.published",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} published {release} of {project}",
    describe_denied = "{actor} may not publish {release} of {project}"
)]
pub(crate) struct Published<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "release"))]
    pub(crate) release: &'a Release,
    #[event(outcome)]
    pub(crate) outcome: Outcome,
    pub(crate) file: &'a str,
}

#[derive(Event)]
#[event(
    action = "project.release.yanked",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} yanked {release} of {project}"
)]
pub(crate) struct Yanked<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "release"))]
    pub(crate) release: &'a Release,
    #[event(reason)]
    pub(crate) why: &'a str,
}

#[derive(Event)]
#[event(
    action = "project.release.unyanked",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} took back the yank of {release} of {project}"
)]
pub(crate) struct Unyanked<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "release"))]
    pub(crate) release: &'a Release,
}

#[derive(Event)]
#[event(
    action = "project.release.deleted",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} deleted {release} of {project}"
)]
pub(crate) struct ReleaseDeleted<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "release"))]
    pub(crate) release: &'a Release,
}

#[derive(Event)]
#[event(
    action = "project.file.deleted",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} deleted a file of {release} of {project}"
)]
pub(crate) struct FileDeleted<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "release"))]
    pub(crate) release: &'a Release,
    pub(crate) file: &'a str,
}

#[derive(Event)]
#[event(
    action = "project.member.invited",
    category = "project",
    audience = ["owners"],
    describe = "{actor} invited {member} to {project} as {role}"
)]
pub(crate) struct MemberInvited<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "member"))]
    pub(crate) member: &'a User,
    pub(crate) role: &'a str,
}

#[derive(Event)]
#[event(
    action = "project.member.joined",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{member} joined {project} as {role}"
)]
pub(crate) struct MemberJoined<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "member"))]
    pub(crate) member: &'a User,
    pub(crate) role: &'a str,
    #[event(correlation_id)]
    pub(crate) act: &'a str,
}

#[derive(Event)]
#[event(
    action = "project.member.declined",
    category = "project",
    audience = ["owners"],
    describe = "{member} declined to join {project}"
)]
pub(crate) struct MemberDeclined<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "member"))]
    pub(crate) member: &'a User,
    #[event(correlation_id)]
    pub(crate) act: &'a str,
}

#[derive(Event)]
#[event(
    action = "project.member.changed",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} made {member} {role} of {project}"
)]
pub(crate) struct MemberChanged<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "member"))]
    pub(crate) member: &'a User,
    pub(crate) was: &'a str,
    pub(crate) role: &'a str,
}

#[derive(Event)]
#[event(
    action = "project.member.removed",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} removed {member} from {project}"
)]
pub(crate) struct MemberRemoved<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "member"))]
    pub(crate) member: &'a User,
}

#[derive(Event)]
#[event(
    action = "project.api_token.created",
    category = "project",
    audience = ["owners"],
    describe = "{actor} made an API token for {project}"
)]
pub(crate) struct ApiTokenMade<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "token"))]
    pub(crate) token: &'a ApiToken,
    #[event(correlation_id)]
    pub(crate) act: &'a str,
}

#[derive(Event)]
#[event(
    action = "project.api_token.removed",
    category = "project",
    audience = ["owners"],
    describe = "{actor} removed an API token for {project}"
)]
pub(crate) struct ApiTokenRemoved<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "token"))]
    pub(crate) token: &'a ApiToken,
    #[event(correlation_id)]
    pub(crate) act: &'a str,
}

#[derive(Event)]
#[event(
    action = "project.publisher.added",
    category = "project",
    audience = ["owners"],
    describe = "{actor} trusts {publisher} to publish {project}"
)]
pub(crate) struct PublisherAdded<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "publisher"))]
    pub(crate) publisher: &'a Publisher,
}

#[derive(Event)]
#[event(
    action = "project.publisher.removed",
    category = "project",
    audience = ["owners"],
    describe = "{actor} no longer trusts {publisher} to publish {project}"
)]
pub(crate) struct PublisherRemoved<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "publisher"))]
    pub(crate) publisher: &'a Publisher,
}

#[derive(Event)]
#[event(
    action = "project.transferred",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} moved {project} to {organization}"
)]
pub(crate) struct Transferred<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
    #[event(target(role = "organization"))]
    pub(crate) organization: &'a Organization,
}

#[derive(Event)]
#[event(
    action = "project.deleted",
    category = "project",
    audience = ["owners", "maintainers"],
    describe = "{actor} deleted {project}"
)]
pub(crate) struct Deleted<'a> {
    #[event(target)]
    pub(crate) project: &'a Project,
}
