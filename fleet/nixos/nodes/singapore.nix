# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "singapore";
    pushTokenFile = "/etc/clavitor/environment";
    region = "ap-southeast-1";
    subdomain = "singapore";
    tunnelAddress = "10.84.0.25";
  };
}
