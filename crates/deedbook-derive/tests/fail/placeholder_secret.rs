//! A description that would let a secret out.

#[derive(deedbook::Event)]
#[event(action = "password.changed", describe = "{actor} chose {password}")]
struct PasswordChanged {
    #[event(secret)]
    password: String,
}

fn main() {}
