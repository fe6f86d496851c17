//! Legal acts and cases. An act is drafted, read and signed like a decision of organisations: usually by the commission alone.

use super::Scribe;
use super::draft::Draft;
use super::error::AuthorError;
use tamga_ledger::ids::PublicKey;
use tamga_ledger::kinds::{Case, LegalAct};
use tamga_ledger::record::Scope;

impl Scribe {
    /// An act about `scope`, to be signed by these organisations' record keys; the first is its author.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn legal_act(&self, organisations: &[PublicKey], scope: Scope, act: &LegalAct) -> Result<Draft, AuthorError> {
        self.draft(scope, organisations, act)
    }

    /// A step of a case about `scope`, by one key: an organisation's, or that of a member of the unit or station.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn case(&self, author: PublicKey, scope: Scope, case: &Case) -> Result<Draft, AuthorError> {
        self.draft(scope, &[author], case)
    }
}
