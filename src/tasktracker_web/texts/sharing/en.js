// The texts of the dialog for sharing in English, which are loaded with it.

/** @type {Record<string, string>} */
export const texts = {
  "sharing.task": "Who can see “{title}”",
  "sharing.category": "Who can see “{title}” and all its tasks",
  "sharing.inherited": "The members of its category see it, too.",
  "sharing.add": "Share",
  "sharing.as": "This person",
  "sharing.mail": "An address without an account is invited by mail.",
  "sharing.added": "Shared with {name}",
  "sharing.invited": "{name} is invited by mail",
  "sharing.pending": "Invited",
  "sharing.role": "What {name} can do",
  "sharing.remove": "Remove",
  "sharing.revoke": "Revoke",
  "sharing.leave": "Leave",
  "sharing.leave.ask": "Leave “{title}”?",
  "sharing.leave.why": "It disappears from your lists. Only its owner can share it with you again.",
  "sharing.left": "You left “{title}”",
  "error.username-unknown": "There is no user of this name.",
  "error.username-owner": "This is the owner already.",
  "error.too-many-members": "It is shared with as many people as possible.",
  "error.member-not-found": "This person was removed already.",
  "error.not-allowed": "Only its owner can do this.",
};
