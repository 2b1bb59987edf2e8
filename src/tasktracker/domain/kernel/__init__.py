"""What every part of the domain is built from: errors, field rules, pages, versions, time, ids and actors."""
