"""Types shared by the whole domain: errors, field rules, pages, versions, time, ids and actors."""
