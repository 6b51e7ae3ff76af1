-- Runs once, when the volume of PostgreSQL is new: one database for the sample service, one for the monitor's own tables.
CREATE DATABASE project_service;
CREATE DATABASE episode_monitor;
